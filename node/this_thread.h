// What the calling thread sets for itself.
#pragma once

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace imi::node {

// The name, as `top -H`, gdb and perf show it (Linux keeps 15 bytes).
inline void name_this_thread(const char* name) { (void)pthread_setname_np(pthread_self(), name); }

// From here on this thread gives way to the others of the machine. On Linux a nice value belongs to
// the thread, against POSIX (setpriority(2), "C library/kernel differences"); needs no privilege.
inline void nice_this_thread(int by) {
  if (by > 0) (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), by);
}

}  // namespace imi::node
