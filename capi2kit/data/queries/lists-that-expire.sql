-- title: Which revocation lists ran out soon after the last event of their computer, or had run out?
-- source: own
-- parameters: days=7
WITH last AS (SELECT machine, max(time) AS seen FROM events GROUP BY machine),
     lists AS (
         SELECT machine, url, max(cache_next_update) AS next_update
         FROM events
         WHERE cache_next_update IS NOT NULL AND url IS NOT NULL
         GROUP BY machine, url
     )
SELECT url, min(next_update) AS next_update, count(*) AS computers,
       count(*) FILTER (next_update <= seen) AS expired_there,
       string_agg(DISTINCT machine, ', ' ORDER BY machine) AS which
FROM lists JOIN last USING (machine)
WHERE next_update <= seen + to_days(CAST($days AS INTEGER))
GROUP BY url
ORDER BY next_update, url
