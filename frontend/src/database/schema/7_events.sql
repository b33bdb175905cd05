-- Events come to many alarms at once. In the order in which they come, those of one transaction are next to each other;
-- in the order of alarms, each was in a page of its own. PostgreSQL has kept them like that all along.
{events_as_they_come}
