// The name of the calling thread, as `top -H`, gdb and perf show it (Linux keeps 15 bytes).
#pragma once

#include <pthread.h>

namespace imi::node {

inline void name_this_thread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

}  // namespace imi::node
