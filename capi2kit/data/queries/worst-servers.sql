-- title: For which servers were the computers waiting longest?
-- source: own
SELECT url_host AS server,
       round(sum(wait_s), 3) AS wait_s,
       round(sum(coalesce(low_s, wait_s)), 3) AS at_least_s,
       round(sum(coalesce(high_s, wait_s)), 3) AS at_most_s,
       count(*) AS waits,
       count(*) FILTER (outcome <> 'ok') AS not_answered,
       count(DISTINCT machine) AS computers,
       max(url_role) AS what_for
FROM waits
WHERE url_host IS NOT NULL
GROUP BY url_host
ORDER BY wait_s DESC, server
