/*
title:    Groups of three letters in the names that can be suggested

Reads search_names(name_id, name). One row per name and group; a blank stands at both ends, so that beginnings count too.
*/
SELECT DISTINCT name_id, substr(' ' || name || ' ', place, 3) AS letters
FROM   (SELECT name_id, name, unnest(range(1, length(name) + 1)) AS place FROM search_names)
