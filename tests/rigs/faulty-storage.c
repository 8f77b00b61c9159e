// Storage that lies or fails, as a library for LD_PRELOAD: it concerns files of one process whose path ends in FAULT_PATH.
//
//   FAULT=eio     reads that cover FAULT_OFFSET fail with EIO
//   FAULT=enospc  writes that reach beyond FAULT_OFFSET fail with ENOSPC
//   FAULT=flip    the first FAULT_TIMES writes that cover FAULT_OFFSET arrive with one bit flipped there
//   FAULT=lost    the same writes are acknowledged and thrown away
//
//   gcc -shared -fPIC -O1 -o faulty-storage.so faulty-storage.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int done;

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static int concerns(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    size_t length = strlen(setting("FAULT_PATH"));
    if (n <= 0 || length == 0 || (size_t)n < length) return 0;
    path[n] = 0;
    return strcmp(path + n - length, setting("FAULT_PATH")) == 0;
}

ssize_t pread64(int fd, void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
    off_t at = atoll(setting("FAULT_OFFSET"));
    if (strcmp(setting("FAULT"), "eio") == 0 && at >= offset && at < offset + (off_t)count && concerns(fd)) {
        errno = EIO;
        return -1;
    }
    return real(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    const char *fault = setting("FAULT");
    off_t at = atoll(setting("FAULT_OFFSET"));
    if (!concerns(fd)) return real(fd, bytes, count, offset);
    if (strcmp(fault, "enospc") == 0 && offset + (off_t)count > at) {
        errno = ENOSPC;
        return -1;
    }
    int flip = strcmp(fault, "flip") == 0, lost = strcmp(fault, "lost") == 0;
    if (!(flip || lost) || at < offset || at >= offset + (off_t)count || atomic_fetch_add(&done, 1) >= atoi(setting("FAULT_TIMES")))
        return real(fd, bytes, count, offset);
    if (lost) return (ssize_t)count;
    char *copy = aligned_alloc(4096, (count + 4095) / 4096 * 4096); // aligned, as O_DIRECT may demand it
    memcpy(copy, bytes, count);
    copy[at - offset] ^= 0x10;
    ssize_t n = real(fd, copy, count, offset);
    int error = errno;
    free(copy);
    errno = error;
    return n;
}

// .NET looks its system calls up by name in libc itself, past what is preloaded: answer for it.
void *dlsym(void *handle, const char *name)
{
    static void *(*real)(void *, const char *);
    if (!real) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (handle != RTLD_NEXT && strcmp(name, "pread64") == 0) return (void *)pread64;
    if (handle != RTLD_NEXT && strcmp(name, "pwrite64") == 0) return (void *)pwrite64;
    return real(handle, name);
}
