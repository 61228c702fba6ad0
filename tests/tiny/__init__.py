"""The smallest service: one room, one table, one worker. Also the example of how a service is put together."""
