-- The alarms of a network are told by the index alone, with what they are filtered by. SQLite keeps the whole row there.
{covering}
