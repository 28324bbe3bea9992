-- title: Which causes do several computers share?
-- source: own
SELECT rule, max(title) AS title, count(DISTINCT machine) AS computers, round(sum(cost_s), 3) AS cost_s,
       string_agg(DISTINCT machine, ', ' ORDER BY machine) AS which
FROM findings
WHERE aspect <> 'evidence'
GROUP BY rule
ORDER BY computers DESC, cost_s DESC NULLS LAST, rule
