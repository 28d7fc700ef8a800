/* The primitives of core.h for any processor: eight bytes at once in a 64-bit word. */
#ifndef EV_JSON_BLOCK_H
#define EV_JSON_BLOCK_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "json/inner.h"

enum { BLOCK = 8 };

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* First byte of the text lowest. */
static inline uint64_t load(const char *p) {
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

/* The lowest byte whose top bit is set. */
static inline size_t first_byte(uint64_t tops) {
    return tops ? (size_t)__builtin_ctzll(tops) / 8 : BLOCK;
}

/* In each of these a borrow or carry can only falsify bytes above the first that counts. */
static inline uint64_t zero_bytes(uint64_t x) { return (x - EACH_BYTE(1)) & ~x; }

static inline size_t block_plain(const char *p) {
    uint64_t x = load(p);
    uint64_t special = x | (x - EACH_BYTE(0x20)) | zero_bytes(x ^ EACH_BYTE('"')) |
                       zero_bytes(x ^ EACH_BYTE('\\'));
    return first_byte(special & EACH_BYTE(0x80));
}

static inline struct quoted block_string(const char *p) {
    (void)p;
    return (struct quoted){.n = BLOCK};
}

static inline bool block_valid(const char *p, size_t n) {
    (void)p, (void)n;
    return false;
}

static inline size_t block_digits(const char *p, size_t *next) {
    uint64_t x = load(p) ^ EACH_BYTE('0');
    uint64_t others = (x | ((x & EACH_BYTE(0x7F)) + EACH_BYTE(0x76))) & EACH_BYTE(0x80);
    *next = first_byte(others & (others - 1));
    return first_byte(others);
}

static inline enum lead literal_lead(const char *p, const struct shape *shape, unsigned skip) {
    uint64_t count = skip ? ~UINT64_C(0xFF) : ~UINT64_C(0);
    const char *literal = shape->literal;
    size_t n = shape->literal_n;
    for (; n >= BLOCK; n -= BLOCK, p += BLOCK, literal += BLOCK) {
        if ((load(p) ^ load(literal)) & count) return LEAD_DIFFERS;
        count = ~UINT64_C(0);
    }
    count &= (UINT64_C(1) << 8 * n) - 1;
    if ((load(p) ^ load(literal)) & count) return LEAD_DIFFERS;
    return p[n] == '"' ? LEAD_QUOTE : LEAD_OTHER;
}

#endif
