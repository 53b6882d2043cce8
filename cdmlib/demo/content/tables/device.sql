/*
title:    Worn device, by day
from:     device.DEVICE
*/
SELECT concat_ws('|', 'DEVICE', subject, date) AS record_key, CAST(NULL AS VARCHAR) AS siteid, subject AS subjid, source, dataset, source_row,
       device_serial AS device, date AS day, iso_date(date) AS day_on, num(wear_minutes) AS minutes_worn, num(total_minutes) AS minutes_total,
       num(steps) AS steps
FROM   device.DEVICE
