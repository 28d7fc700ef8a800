/* A growing byte buffer, and the memory functions that everything uses.
 *
 * Memory that cannot be had ends the process by way of mem_set_oom()'s function (cli/ sets one that
 * writes the abort line and exits 74), so callers of these need no check. */
#ifndef EV_BASE_BUF_H
#define EV_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/slice.h"

void *mem_alloc(size_t n);                          /* never NULL; n 0 gives a unique pointer */
void *mem_zero(size_t count, size_t size);          /* checks the product */
void *mem_grow(void *p, size_t count, size_t size); /* realloc of count * size, checked */
/* n bytes that begin a page, for free(). `large`: the system is asked for its large pages, of 2 MB, and n is a
 * multiple of that. */
void *mem_pages(size_t n, bool large);
char *mem_str(struct slice s);                    /* a NUL-terminated copy */
void mem_set_oom(void (*handler)(size_t wanted)); /* must not return */
/* As good as out of memory: a table is at its limit. */
_Noreturn void mem_exhausted(size_t wanted);

struct buf {
    char *p;
    size_t n;
    size_t cap;
};

/* Starts as {0}. After buf_free() it is {0} again. */
void buf_free(struct buf *b);
void buf_reserve_slow(struct buf *b, size_t more);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `more` bytes behind n; returns where they go. */
static inline char *buf_reserve(struct buf *b, size_t more) {
    if (__builtin_expect(b->cap - b->n < more, 0)) buf_reserve_slow(b, more);
    return b->p + b->n;
}

static inline void buf_add(struct buf *b, const void *p, size_t n) {
    if (n) memcpy(buf_reserve(b, n), p, n);
    b->n += n;
}

static inline void buf_addc(struct buf *b, char c) {
    *buf_reserve(b, 1) = c;
    b->n++;
}

static inline void buf_adds(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }
static inline void buf_add_slice(struct buf *b, struct slice s) { buf_add(b, s.p, s.n); }
static inline struct slice buf_slice(const struct buf *b) { return (struct slice){b->p, b->n}; }

#endif
