-- title: What did the start-ups of each program cost before a moment, and after it?
-- source: own
-- parameters: at=middle
SELECT process,
       count(*) FILTER (start < moment) AS starts_before,
       round(median(wall_s) FILTER (start < moment), 1) AS before_s,
       count(*) FILTER (start >= moment) AS starts_after,
       round(median(wall_s) FILTER (start >= moment), 1) AS after_s,
       count(DISTINCT machine) AS computers
FROM startups,
     (SELECT CASE WHEN $at = 'middle' THEN min(start) + (max(start) - min(start)) / 2 ELSE TRY_CAST($at AS TIMESTAMPTZ) END AS moment
      FROM startups)
GROUP BY process
ORDER BY coalesce(before_s, 0) + coalesce(after_s, 0) DESC, process
