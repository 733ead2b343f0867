"""National services. What builds a message is pure (``cda``, ``xds``); what sends it is I/O (``dmp``)."""
