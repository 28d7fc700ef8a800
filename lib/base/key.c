/* Keys of decimals: a byte with the sign and the length of the whole part, its bytes, most
 * significant first, then 0, or 1 and the fraction in 10^-38 as 16 bytes. Of negative numbers all
 * bytes are inverted.
 *
 *     903.01   82 03 87 01 <16 bytes>      7   81 07 00      0   80 00      -7   7e f8 ff */
#include "base/wide.h"

enum { POSITIVE = 0x80, KEY_BYTES = 16 };

/* v's 16 bytes, most significant first. */
static void to_bytes(unsigned char to[KEY_BYTES], u128 v) {
    uint64_t halves[2] = {(uint64_t)(v >> 64), (uint64_t)v};
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        for (int i = 0; i < 2; i++) halves[i] = __builtin_bswap64(halves[i]);
    memcpy(to, halves, KEY_BYTES);
}

static size_t put_bytes(unsigned char *to, u128 v, int n) {
    unsigned char all[KEY_BYTES];
    to_bytes(all, v);
    memcpy(to, all + KEY_BYTES - n, (size_t)n);
    return (size_t)n;
}

/* How many bytes v takes, 0 for 0. */
static int byte_count(u128 v) {
    uint64_t high = (uint64_t)(v >> 64), low = (uint64_t)v;
    if (high) return 16 - __builtin_clzll(high) / 8;
    return low ? 8 - __builtin_clzll(low) / 8 : 0;
}

static u128 get_bytes(const unsigned char *from, int n, unsigned char flip) {
    u128 v = 0;
    for (int i = 0; i < n; i++) v = v << 8 | (unsigned char)(from[i] ^ flip);
    return v;
}

/* The magnitude's whole part and its fraction in 10^-38. */
static bool split(const struct decimal *a, u128 *whole, u128 *fraction) {
    if (!a->wide) {
        uint64_t v = a->small < 0 ? -(uint64_t)a->small : (uint64_t)a->small;
        uint64_t unit = pow10_u64[a->scale], rest = a->scale ? v % unit : 0;
        *whole = a->scale ? v / unit : v;
        *fraction = (u128)rest * pow10_u64[CHUNK_DIGITS - a->scale] * CHUNK;
        return a->small < 0;
    }
    uint64_t w[4];
    memcpy(w, a->w, sizeof w);
    bool negative = limbs_abs(w, 4);
    uint64_t low = limbs_div_chunk(w, 4);
    *fraction = (u128)limbs_div_chunk(w, 4) * CHUNK + low;
    *whole = (u128)w[1] << 64 | w[0];
    return negative;
}

size_t decimal_key(const struct decimal *a, unsigned char *out) {
    u128 whole, fraction;
    bool negative = split(a, &whole, &fraction);
    int bytes = byte_count(whole);
    size_t n = 0;
    out[n++] = (unsigned char)(POSITIVE + bytes);
    n += put_bytes(out + n, whole, bytes);
    out[n++] = fraction != 0;
    if (fraction) n += put_bytes(out + n, fraction, KEY_BYTES);
    if (negative)
        for (size_t i = 0; i < n; i++) out[i] ^= 0xff;
    return n;
}

size_t decimal_from_key(const unsigned char *key, struct decimal *out) {
    bool negative = key[0] < POSITIVE;
    unsigned char flip = negative ? 0xff : 0;
    int bytes = (key[0] ^ flip) - POSITIVE;
    u128 whole = get_bytes(key + 1, bytes, flip);
    size_t n = 1 + (size_t)bytes;
    bool has_fraction = key[n++] ^ flip;
    if (!has_fraction && whole <= INT64_MAX) {
        decimal_set_small(out, negative ? -(int64_t)whole : (int64_t)whole, 0);
        return n;
    }
    uint64_t w[4] = {(uint64_t)whole, (uint64_t)(whole >> 64)};
    limbs_mul_pow10(w, 4, DECIMAL_MAX_SCALE);
    if (has_fraction) {
        u128 fraction = get_bytes(key + n, KEY_BYTES, flip);
        uint64_t f[4] = {(uint64_t)fraction, (uint64_t)(fraction >> 64)};
        limbs_add(w, f, 4);
        n += KEY_BYTES;
    }
    decimal_set_units(out, negative, w);
    return n;
}

bool decimal_is_key(struct slice s) {
    const unsigned char *key = (const unsigned char *)s.p;
    if (!s.n) return false;
    unsigned char flip = key[0] < POSITIVE ? 0xff : 0;
    size_t bytes = (size_t)((key[0] ^ flip) - POSITIVE), n = bytes + 2;
    if (bytes > KEY_BYTES || s.n < n) return false;
    unsigned char has_fraction = key[n - 1] ^ flip;
    return has_fraction <= 1 && s.n == n + (has_fraction ? KEY_BYTES : 0);
}
