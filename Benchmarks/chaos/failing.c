/* Makes input and output on the database fail as a control file says, for a program that is started with
 *   LD_PRELOAD=failing.so CHANCERY_FAILING=FILE
 * The file holds the name of an error, EIO, ENOSPC or EROFS, and on what: "EIO sync", "ENOSPC write", "EIO sync,write".
 * Empty or missing: all is well. Only files whose name contains "chancery.sqlite" are touched, the index (-shm) is not.
 *   cc -shared -fPIC -O1 -o failing.so failing.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int ordered(int fd, const char *what) {
    char order[64] = {0}, link[64], path[4096];
    const char *control = getenv("CHANCERY_FAILING");
    if (!control) return 0;
    int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
    int file = real_open(control, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    ssize_t count = read(file, order, sizeof order - 1);
    close(file);
    if (count <= 0 || !strstr(order, what)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (!strstr(path, "chancery.sqlite") || strstr(path, "-shm")) return 0;
    if (!strncmp(order, "EIO", 3)) return EIO;
    if (!strncmp(order, "ENOSPC", 6)) return ENOSPC;
    if (!strncmp(order, "EROFS", 5)) return EROFS;
    return 0;
}

#define FAILING(result, name, parameters, arguments, fd, what) \
    result name parameters {                                   \
        static result(*real) parameters;                       \
        int error = ordered(fd, what);                         \
        if (error) {                                           \
            errno = error;                                     \
            return -1;                                         \
        }                                                      \
        if (!real) real = dlsym(RTLD_NEXT, #name);             \
        return real arguments;                                 \
    }

FAILING(int, fsync, (int fd), (fd), fd, "sync")
FAILING(int, fdatasync, (int fd), (fd), fd, "sync")
FAILING(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o), fd, "write")
FAILING(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o), fd, "write")
FAILING(int, ftruncate, (int fd, off_t n), (fd, n), fd, "write")
FAILING(int, ftruncate64, (int fd, off64_t n), (fd, n), fd, "write")
