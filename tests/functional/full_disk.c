/* A disk that is full while the file named by FULL_WHEN exists: LD_PRELOAD it. Sockets and pipes are
 * left alone.
 * cc -shared -fPIC -o full_disk.so full_disk.c -ldl */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t write(int fd, const void* bytes, size_t size) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) *(void**)&real = dlsym(RTLD_NEXT, "write");
  const char* flag = getenv("FULL_WHEN");
  struct stat s;
  if (flag && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && access(flag, F_OK) == 0) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, bytes, size);
}
