/* A wall clock that is SKEW seconds ahead: LD_PRELOAD it. For tests of what is said of wrong clocks.
 * cc -shared -fPIC -o skewed_clock.so skewed_clock.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, now);
  const char* skew = getenv("SKEW");
  if (skew && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += atol(skew);
  return result;
}
