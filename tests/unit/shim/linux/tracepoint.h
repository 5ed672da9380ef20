/* Nobody traces. */
#include "../shim.h"
#define TP_PROTO(args...) args
#define TRACE_EVENT(name, proto, args...) static inline void trace_##name(proto) { }
#define DECLARE_EVENT_CLASS(name, proto, args...)
#define DEFINE_EVENT(class, name, proto, args...) static inline void trace_##name(proto) { }
#define DEFINE_EVENT_PRINT(class, name, proto, args...) static inline void trace_##name(proto) { }
