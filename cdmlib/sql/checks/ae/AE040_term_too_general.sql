/*
title:    Adverse event term is too general to code
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term does not say where or what kind. Please enter the site of the body or the
          diagnosis, such as `pain in the left knee` or `urinary tract infection`.
field:    aeterm
optional: ae.aespid

Only a term that consists of nothing but the general word. The list holds words that coders ask about most; it is not complete and is
English only. An event repeated at several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  upper(trim(aeterm)) IN (
           'PAIN', 'PAINS', 'ACHE', 'ACHES', 'DISCOMFORT', 'INFECTION', 'VIRUS', 'INFLAMMATION', 'ALLERGY', 'ALLERGIC REACTION', 'ALLERGIES',
           'REACTION', 'SWELLING', 'BLEEDING', 'HAEMORRHAGE', 'HEMORRHAGE', 'LESION', 'LESIONS', 'LUMP', 'MASS', 'CYST', 'TUMOUR', 'TUMOR',
           'CANCER', 'ULCER', 'ULCERS', 'WOUND', 'INJURY',
           'TRAUMA', 'ACCIDENT', 'FRACTURE', 'BROKEN BONE', 'STRAIN', 'SPRAIN', 'CRAMP', 'CRAMPS', 'SPASM', 'SPASMS', 'STIFFNESS',
           'BURNING', 'IRRITATION', 'CONGESTION',
           'DISCHARGE', 'ABSCESS', 'THROMBOSIS', 'BLOOD CLOT', 'STENOSIS', 'OBSTRUCTION', 'CALCULUS', 'STONE', 'STONES', 'HERNIA', 'POLYP', 'POLYPS',
           'SYMPTOMS', 'SIDE EFFECT', 'SIDE EFFECTS', 'ILLNESS', 'SICK', 'SICKNESS', 'NOT FEELING WELL', 'ABNORMAL LAB', 'ABNORMAL LABS',
           'ABNORMAL LABORATORY', 'ABNORMAL ECG', 'ABNORMAL EKG')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
