/* Exact decimal arithmetic.
 *
 * A number is a decimal below 10^38 in magnitude with at most 38 decimals (more are rounded half to
 * even when it is read). Small ones, nearly all, are an int64 and a scale; others a 256-bit integer
 * in units of 10^-38. Which form a number has never shows in a result.
 *
 * A sum is exact whatever it adds and in whatever order: 320 bits in units of 10^-38, so 2^64 of
 * the largest numbers do not overflow it. */
#ifndef EV_BASE_DECIMAL_H
#define EV_BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { DECIMAL_MAX_SCALE = 38, DECIMAL_SMALL_SCALE = 18 };

struct decimal {
    bool wide;
    uint8_t scale; /* when not wide: 0..18, value = small / 10^scale */
    int64_t small; /* when not wide */
    uint64_t w[4]; /* when wide: two's complement, least limb first, units of 10^-38 */
};

static inline struct decimal decimal_int(int64_t v) { return (struct decimal){.small = v}; }

/* Reads a JSON number (its grammar has been checked). False where it is 10^38 or more in magnitude
 * after rounding. Exponents are fine: 1e3 is 1000, 1e-400 is 0, 0e999999999999 is 0. */
bool decimal_parse(struct slice number, struct decimal *out);

/* The whole of s is a JSON number? For text that has not been scanned. */
bool decimal_is_number(struct slice s);

int decimal_cmp(const struct decimal *a, const struct decimal *b); /* -1, 0, 1, by value */
bool decimal_is_zero(const struct decimal *a);
bool decimal_is_negative(const struct decimal *a);

/* False: the result is 10^38 or more (or, of div and mod, b is zero). mul rounds half to even to 38
 * decimals; div to 17 significant digits and at most 38 decimals; mod takes the sign of a. */
bool decimal_add(const struct decimal *a, const struct decimal *b, struct decimal *out);
bool decimal_sub(const struct decimal *a, const struct decimal *b, struct decimal *out);
bool decimal_mul(const struct decimal *a, const struct decimal *b, struct decimal *out);
bool decimal_div(const struct decimal *a, const struct decimal *b, struct decimal *out);
bool decimal_mod(const struct decimal *a, const struct decimal *b, struct decimal *out);
struct decimal decimal_neg(const struct decimal *a);

enum rounding { ROUND_HALF_EVEN, ROUND_FLOOR, ROUND_CEIL };
/* To `places` decimals, -38..38 (negative: to tens, hundreds...). False: 10^38 or more. */
bool decimal_round(const struct decimal *a, int places, enum rounding how, struct decimal *out);

/* True and *out when the number is whole and fits. */
bool decimal_to_int64(const struct decimal *a, int64_t *out);

/* Canonical: no exponent, no trailing zeros, no -0. At most 80 bytes. */
void decimal_write(struct buf *out, const struct decimal *a);

/* Bytes that memcmp orders as the numbers are ordered; equal numbers give equal bytes, and no
 * encoding is a prefix of another. At most DECIMAL_KEY_MAX bytes; returns how many. */
enum { DECIMAL_KEY_MAX = 48 };
size_t decimal_key(const struct decimal *a, unsigned char *out);
/* Back again; returns the bytes read. The bytes are trusted to come from decimal_key(). */
size_t decimal_from_key(const unsigned char *key, struct decimal *out);
/* Is it such a key and nothing else? To be asked of what comes from elsewhere. */
bool decimal_is_key(struct slice s);

struct sum {
    uint64_t w[5]; /* two's complement, least limb first, units of 10^-38 */
};

void sum_add(struct sum *s, const struct decimal *d);
/* 10^(38 - scale), low limb first. */
extern const uint64_t decimal_units[DECIMAL_SMALL_SCALE + 1][2];

/* Adds small / 10^scale, scale 0..18. */
static inline void sum_add_small(struct sum *s, int64_t small, int scale) {
    __extension__ typedef unsigned __int128 u128;
    uint64_t sign = small < 0 ? UINT64_MAX : 0;
    uint64_t magnitude = ((uint64_t)small ^ sign) - sign;
    u128 low = (u128)magnitude * decimal_units[scale][0];
    u128 high = (u128)magnitude * decimal_units[scale][1] + (uint64_t)(low >> 64);
    u128 t = (u128)s->w[0] + ((uint64_t)low ^ sign) + (sign & 1);
    s->w[0] = (uint64_t)t;
    t = (t >> 64) + s->w[1] + ((uint64_t)high ^ sign);
    s->w[1] = (uint64_t)t;
    t = (t >> 64) + s->w[2] + ((uint64_t)(high >> 64) ^ sign);
    s->w[2] = (uint64_t)t;
    t = (t >> 64) + s->w[3] + sign;
    s->w[3] = (uint64_t)t;
    s->w[4] += (uint64_t)(t >> 64) + sign;
}

void sum_merge(struct sum *s, const struct sum *other);
bool sum_is_zero(const struct sum *s);
/* Exact, canonical. At most 140 bytes. */
void sum_write(struct buf *out, const struct sum *s);
/* s / count rounded once half to even to 17 significant digits, at most 38 decimals; count > 0. */
void sum_write_quotient(struct buf *out, const struct sum *s, uint64_t count);

#endif
