/* Nothing: see linux/tracepoint.h. */
