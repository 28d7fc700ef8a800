#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

static void (*oom_handler)(size_t wanted);

void mem_set_oom(void (*handler)(size_t wanted)) { oom_handler = handler; }

_Noreturn void mem_exhausted(size_t wanted) {
    if (oom_handler) oom_handler(wanted);
    static const char text[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EXIT_IO);
}

static size_t product(size_t count, size_t size) {
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) mem_exhausted(SIZE_MAX);
    return n ? n : 1;
}

void *mem_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) mem_exhausted(n);
    return p;
}

void *mem_zero(size_t count, size_t size) {
    size_t n = product(count, size);
    void *p = calloc(n, 1);
    if (!p) mem_exhausted(n);
    return p;
}

void *mem_grow(void *p, size_t count, size_t size) {
    size_t n = product(count, size);
    p = realloc(p, n);
    if (!p) mem_exhausted(n);
    return p;
}

void *mem_pages(size_t n, bool large) {
    enum { PAGE = 2 << 20 };
    void *p = aligned_alloc(PAGE, n);
    if (!p) mem_exhausted(n);
    if (large) (void)madvise(p, n, MADV_HUGEPAGE); /* it may have none */
    return p;
}

char *mem_str(struct slice s) {
    if (s.n == SIZE_MAX) mem_exhausted(s.n);
    char *p = mem_alloc(s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

void buf_reserve_slow(struct buf *b, size_t more) {
    if (more > SIZE_MAX / 2 - b->n) mem_exhausted(more);
    size_t cap = b->cap ? b->cap : 64;
    while (cap < b->n + more) cap *= 2;
    b->p = mem_grow(b->p, cap, 1);
    b->cap = cap;
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n > 0) {
        char *p = buf_reserve(b, (size_t)n + 1);
        vsnprintf(p, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}
