-- One sample of store time, and whose time it is. Nothing else is read: the
-- error of a sample is half its round trip.
--
-- It is settled once every edge knows this clock and this clock is past all that
-- any of them may have answered by another one.

return answer(recovered and 'ok' or get('generation') == '' and 'empty' or 'unrecovered',
  'settled', recovered and now > (tonumber(get('shown')) or 0) and '1' or '0')
