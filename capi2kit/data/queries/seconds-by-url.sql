-- title: How many seconds did each URL cost, and on how many computers?
-- source: own
SELECT url,
       round(sum(wait_s), 3) AS wait_s,
       count(*) AS waits,
       count(DISTINCT machine) AS computers,
       round(max(wait_s), 3) AS longest_s,
       mode(outcome) AS mostly
FROM waits
WHERE url IS NOT NULL
GROUP BY url
ORDER BY wait_s DESC, url
