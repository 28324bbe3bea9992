-- title: What is wrong on each computer, and what does it cost there?
-- source: own
SELECT machine AS computer, severity, title, round(sum(cost_s), 3) AS cost_s, count(*) AS findings, max(fixes) AS remedies
FROM findings
WHERE cost_s > 0 OR aspect <> 'evidence'
GROUP BY machine, severity, title
ORDER BY computer, cost_s DESC NULLS LAST, title
