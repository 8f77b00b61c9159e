// Storage that lies or fails, as a library for LD_PRELOAD: it concerns files of one process whose path ends in FAULT_PATH.
//
//   FAULT=eio     reads that cover FAULT_OFFSET fail with EIO
//   FAULT=enospc  writes that reach beyond FAULT_OFFSET fail with ENOSPC
//   FAULT=edquot  the same with EDQUOT
//   FAULT=flip    the first FAULT_TIMES writes that cover FAULT_OFFSET arrive with one bit flipped there
//   FAULT=lost    the same writes are acknowledged and thrown away
//   FAULT=nodirect  opens with O_DIRECT fail with EINVAL
//   FAULT=nopunch   holes cannot be punched, nor ranges zeroed: EOPNOTSUPP
//   FAULT=shortzero the first FAULT_TIMES such requests that cover FAULT_OFFSET are acknowledged, and end there
//   FAULT=hidden    lseek(SEEK_DATA, SEEK_HOLE) calls the FAULT_LENGTH bytes from FAULT_OFFSET on a hole
//   FAULT=enxio     lseek(SEEK_DATA) from FAULT_OFFSET on finds no more data, and SEEK_HOLE agrees
//   FAULT=turns     every second lseek(SEEK_DATA) finds no more data
//   FAULT=back      lseek(SEEK_DATA) from FAULT_OFFSET on answers with an earlier place
//   FAULT=still     lseek(SEEK_HOLE) answers with the place where it was asked
//   FAULT=far       lseek(SEEK_HOLE) answers with a place far behind the end
//   FAULT=nohole    lseek knows no holes: everything is data
//   FAULT=pause     the first read or write that covers FAULT_OFFSET makes the file FAULT_PAUSE.at and waits for FAULT_PAUSE.go
//
// Several, separated by commas, happen together.
//
//   gcc -shared -fPIC -O1 -o faulty-storage.so faulty-storage.c
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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

static int has(const char *fault)
{
    size_t length = strlen(fault);
    for (const char *at = setting("FAULT"); (at = strstr(at, fault)); at += length)
        if ((at == setting("FAULT") || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return 1;
    return 0;
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

static void pause_once(void)
{
    static atomic_int paused;
    if (atomic_fetch_add(&paused, 1) > 0) return;
    char at[4096], go[4096];
    snprintf(at, sizeof at, "%s.at", setting("FAULT_PAUSE"));
    snprintf(go, sizeof go, "%s.go", setting("FAULT_PAUSE"));
    close(creat(at, 0600));
    while (access(go, F_OK) != 0) usleep(1000);
}

ssize_t pread64(int fd, void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");
    off_t at = atoll(setting("FAULT_OFFSET"));
    if (has("eio") && at >= offset && at < offset + (off_t)count && concerns(fd)) {
        errno = EIO;
        return -1;
    }
    if (has("pause") && at >= offset && at < offset + (off_t)count && concerns(fd)) pause_once();
    return real(fd, bytes, count, offset);
}

ssize_t read(int fd, void *bytes, size_t count)
{
    static ssize_t (*real)(int, void *, size_t);
    if (!real) real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    if (has("pause") && concerns(fd)) {
        off_t at = atoll(setting("FAULT_OFFSET")), offset = lseek(fd, 0, SEEK_CUR);
        if (at >= offset && at < offset + (off_t)count) pause_once();
    }
    return real(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");
    off_t at = atoll(setting("FAULT_OFFSET"));
    if (!concerns(fd)) return real(fd, bytes, count, offset);
    if ((has("enospc") || has("edquot")) && offset + (off_t)count > at) {
        errno = has("enospc") ? ENOSPC : EDQUOT;
        return -1;
    }
    if (has("pause") && at >= offset && at < offset + (off_t)count) pause_once();
    int flip = has("flip"), lost = has("lost");
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

static int path_concerns(const char *path)
{
    size_t length = strlen(setting("FAULT_PATH")), n = strlen(path);
    return length > 0 && n >= length && strcmp(path + n - length, setting("FAULT_PATH")) == 0;
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t); // undefined where there is none, and ignored then
    va_end(rest);
    if ((flags & O_DIRECT) && has("nodirect") && path_concerns(path)) {
        errno = EINVAL;
        return -1;
    }
    return real(path, flags, mode);
}

int fallocate64(int fd, int mode, off_t offset, off_t length)
{
    static int (*real)(int, int, off_t, off_t);
    if (!real) real = (int (*)(int, int, off_t, off_t))dlsym(RTLD_NEXT, "fallocate64");
    off_t at = atoll(setting("FAULT_OFFSET"));
    if (!concerns(fd)) return real(fd, mode, offset, length);
    if (has("nopunch")) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (has("shortzero") && at > offset && at < offset + length && atomic_fetch_add(&done, 1) < atoi(setting("FAULT_TIMES")))
        length = at - offset;
    return real(fd, mode, offset, length);
}

off_t lseek64(int fd, off_t offset, int whence)
{
    static off_t (*real)(int, off_t, int);
    if (!real) real = (off_t (*)(int, off_t, int))dlsym(RTLD_NEXT, "lseek64");
    off_t from = atoll(setting("FAULT_OFFSET")), to = from + atoll(setting("FAULT_LENGTH"));
    if ((whence != SEEK_DATA && whence != SEEK_HOLE) || !concerns(fd)) return real(fd, offset, whence);
    static atomic_int asked;
    int data = whence == SEEK_DATA;
    if ((has("enxio") && data && offset >= from) || (has("turns") && data && atomic_fetch_add(&asked, 1) % 2)) {
        errno = ENXIO;
        return -1;
    }
    if (has("enxio") && !data && offset >= from) return offset;
    if (has("back") && data && offset >= from) return offset - 4096;
    if (has("still") && !data) return offset;
    if (has("far") && !data) return real(fd, 0, SEEK_END) * 4;
    if (has("nohole")) return data ? offset : real(fd, 0, SEEK_END);
    if (!has("hidden")) return real(fd, offset, whence);
    int inside = offset >= from && offset < to;
    if (whence == SEEK_HOLE && inside) return offset;
    if (whence == SEEK_DATA && inside) return real(fd, to, whence);
    off_t found = real(fd, offset, whence);
    if (whence == SEEK_HOLE && offset < from && found > from) return from;
    if (whence == SEEK_DATA && found >= from && found < to) return real(fd, to, whence);
    return found;
}

// On this platform off_t has 64 bits by any name, and programs differ in the name that they were compiled with.
ssize_t pread(int fd, void *bytes, size_t count, off_t offset) __attribute__((alias("pread64")));
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) __attribute__((alias("pwrite64")));
off_t lseek(int fd, off_t offset, int whence) __attribute__((alias("lseek64")));

// .NET looks its system calls up by name in libc itself, past what is preloaded: answer for it.
void *dlsym(void *handle, const char *name)
{
    static void *(*real)(void *, const char *);
    if (!real) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (handle != RTLD_NEXT && strcmp(name, "pread64") == 0) return (void *)pread64;
    if (handle != RTLD_NEXT && strcmp(name, "pwrite64") == 0) return (void *)pwrite64;
    if (handle != RTLD_NEXT && strcmp(name, "open") == 0) return (void *)open;
    if (handle != RTLD_NEXT && strcmp(name, "fallocate64") == 0) return (void *)fallocate64;
    if (handle != RTLD_NEXT && strcmp(name, "lseek64") == 0) return (void *)lseek64;
    return real(handle, name);
}
