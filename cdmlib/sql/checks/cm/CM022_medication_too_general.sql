/*
title:    Medication name is too general to code
severity: minor
action:   query
message:  Medication {cmtrt}, indication {cmindc}: the name does not say which medication it is. Please enter the trade name or the active
          substance, as far as the subject knows it.
field:    cmtrt
optional: cm.cmspid, cm.cmindc

Only a name that consists of nothing but the general word, or that names nothing (unknown, see above). A medication repeated at several
visits under its own number is reported once. The list is not complete and is English only.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmindc
FROM   cm
WHERE  no_term(cmtrt)
OR     regexp_full_match(upper(trim(cmtrt)), '(UNKNOWN |UNSPECIFIED |ORAL |TOPICAL )?(MEDICATIONS?|MEDICINES?|DRUGS?|TABLETS?|PILLS?|'
                                          || 'CREAMS?|OINTMENTS?|INJECTIONS?|INFUSIONS?|INHALERS?|EYE DROPS|NASAL SPRAY|ANTIBIOTICS?|'
                                          || 'ANALGESICS?|PAIN ?KILLERS?|PAIN (MEDICATION|MEDICINE|RELIEVER)|STEROIDS?|'
                                          || 'CORTICOSTEROIDS?|DIURETICS?|WATER PILLS?|ANTIHISTAMINES?|ANTACIDS?|LAXATIVES?|'
                                          || 'VITAMINS?|SUPPLEMENTS?|MINERALS|HERBS|HERBAL( (MEDICINE|PREPARATION|REMEDY))?|'
                                          || 'HOM(O)?EOPATHIC( (MEDICINE|PREPARATION|REMEDY))?|VACCINES?|VACCINATION|CHEMOTHERAPY|'
                                          || 'ANTIDEPRESSANTS?|SLEEPING (PILLS?|TABLETS?)|BLOOD THINNERS?|BIRTH CONTROL( PILLS?)?|'
                                          || 'CONTRACEPTIVES?|CONTRACEPTION|COUGH SYRUP|INSULINS?|GENERAL AN(A)?ESTHESIA|'
                                          || 'AN(A)?ESTHETICS?)( NOS)?')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
