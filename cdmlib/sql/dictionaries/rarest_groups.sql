/*
title:    The rarest groups of letters of each text
params:   groups = 8

Reads search_texts(text_id, text) and letter_groups(letters, group_id, names): of the groups that the dictionary has, the $groups that the
fewest names have. By those a text finds the names that it may mean, though some of its letters are wrong.
*/
WITH text_groups AS (
    SELECT DISTINCT text_id, substr(' ' || text || ' ', place, 3) AS letters
    FROM   (SELECT text_id, text, unnest(range(1, length(text) + 1)) AS place FROM search_texts)
)
SELECT t.text_id, g.group_id
FROM   text_groups AS t
JOIN   letter_groups AS g ON g.letters = t.letters
QUALIFY row_number() OVER (PARTITION BY t.text_id ORDER BY g.names, t.letters) <= $groups
ORDER BY t.text_id, g.group_id
