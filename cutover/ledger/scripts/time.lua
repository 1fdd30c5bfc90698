-- One sample of store time, and whose time it is. Nothing else is read: the
-- error of a sample is half its round trip.

return answer(recovered and 'ok' or get('generation') == '' and 'empty' or 'unrecovered')
