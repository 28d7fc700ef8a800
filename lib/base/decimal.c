#include "base/decimal.h"

#include "base/digits.h"
#include "base/wide.h"

/* ---- forms ---- */

void decimal_to_units(const struct decimal *d, uint64_t w[4]) {
    if (d->wide) {
        memcpy(w, d->w, sizeof d->w);
        return;
    }
    struct sum s = {0};
    sum_add_small(&s, d->small, d->scale);
    memcpy(w, s.w, 4 * sizeof *w);
}

/* Below 10^76 units, the bound of decimals? */
static bool units_fit(const uint64_t w[4]) {
    static const uint64_t limit[4] = {
        0, 0x7775a5f171951000, 0x0764b4abe8652979, 0x161bcca7119915b5};
    return limbs_cmp(w, limit, 4) < 0;
}

bool decimal_set_units(struct decimal *out, bool negative, const uint64_t w[4]) {
    if (!units_fit(w)) return false;
    out->wide = true;
    memcpy(out->w, w, sizeof out->w);
    if (negative) limbs_negate(out->w, 4);
    return true;
}

bool scaled_to_decimal(bool negative, struct scaled s, struct decimal *out) {
    uint64_t v = s.v;
    int scale = s.exponent < 0 ? -s.exponent : 0;
    bool fits = scale <= DECIMAL_SMALL_SCALE;
    if (v && s.exponent > 0)
        fits = s.exponent <= 18 && !__builtin_mul_overflow(v, pow10_u64[s.exponent], &v);
    if (fits && v <= INT64_MAX)
        return decimal_set_small(out, negative ? -(int64_t)v : (int64_t)v, scale);
    if (s.exponent >= DECIMAL_MAX_SCALE) return false;
    uint64_t w[5] = {s.v};
    limbs_mul_pow10(w, 5, s.exponent + DECIMAL_MAX_SCALE);
    return w[4] == 0 && decimal_set_units(out, negative, w);
}

/* ---- reading ---- */

/* Any number. */
static bool parse_any(struct slice number, struct decimal *out) {
    struct digits d = digits_scan(number);
    if (d.p == d.end || d.point < -DECIMAL_MAX_SCALE) return decimal_set_small(out, 0, 0);
    if (d.point > DECIMAL_MAX_SCALE) return false;
    int64_t n = digits_left(&d);
    if (n <= CHUNK_DIGITS && d.point - n >= -DECIMAL_MAX_SCALE) {
        uint64_t v = digits_take(&d, (int)n);
        return scaled_to_decimal(d.negative, (struct scaled){v, (int)(d.point - n)}, out);
    }
    uint64_t w[4] = {0};
    for (int k = (int)d.point + DECIMAL_MAX_SCALE; k > 0;) {
        int take = k < CHUNK_DIGITS ? k : CHUNK_DIGITS;
        limbs_mul(w, 4, pow10_u64[take]);
        limbs_add_small(w, 4, digits_take(&d, take));
        k -= take;
    }
    uint64_t next = digits_take(&d, 1);
    enum tail tail = tail_of(next, 10, d.p < d.end ? TAIL_LOW : TAIL_ZERO);
    if (rounds_up(ROUND_HALF_EVEN, d.negative, w[0] & 1, tail)) limbs_add_small(w, 4, 1);
    return decimal_set_units(out, d.negative, w);
}

/* Stays out of decimal_parse(), which would save registers for it. */
__attribute__((noinline)) static bool parse_long(struct slice number, struct decimal *out) {
    const char *p = number.p, *end = p + number.n, *dot = NULL;
    if (number.n > 18) return parse_any(number, out); /* else no integer can overflow */
    bool negative = *p == '-';
    uint64_t v = 0;
    for (p += negative; p < end; p++) {
        unsigned digit = (unsigned)*p - '0';
        if (digit <= 9) v = v * 10 + digit;
        else if (*p == '.') dot = p;
        else return parse_any(number, out);
    }
    int scale = dot ? (int)(end - dot) - 1 : 0;
    return decimal_set_small(out, negative ? -(int64_t)v : (int64_t)v, scale);
}

/* The n bytes at p, 1 to 8, in the low end, and nothing read beyond them. */
static uint64_t load(const char *p, size_t n) {
    uint64_t v = 0;
    if (n >= 4) {
        uint32_t low, high;
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
            low = __builtin_bswap32(low);
            high = __builtin_bswap32(high);
        }
        return low | (uint64_t)high << 8 * (n - 4);
    }
    for (size_t i = 0; i < n; i++) v |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return v;
}

/* Up to eight characters at once: a byte each, the last one highest, zeros before the first.
 * Numbers have no fixed length, and a loop over their digits would be mispredicted at its end. */
static bool parse_short(const char *p, size_t n, bool negative, struct decimal *out) {
    const uint64_t zeros = UINT64_C(0x3030303030303030), ones = UINT64_C(0x0101010101010101);
    size_t gap = 8 * (8 - n);
    uint64_t v = (load(p, n) ^ zeros >> gap) << gap;
    uint64_t others = (v + 0x76 * ones) & 0x80 * ones; /* the characters that are no digits */
    int scale = 0;
    if (others) {
        unsigned bit = (unsigned)__builtin_ctzll(others) - 7;
        if ((others & (others - 1)) || (v >> bit & 0xff) != ('.' ^ '0')) return false;
        uint64_t whole = v & ((UINT64_C(1) << bit) - 1);
        v = (v >> bit >> 8 << 8 << bit) | whole << 8;
        scale = 7 - (int)(bit / 8);
    }
    v = v * 10 + (v >> 8); /* pairs, then fours, then all */
    v = (v & 0x00ff00ff00ff00ff) * 100 + (v >> 16 & 0x00ff00ff00ff00ff);
    v = (v & 0xffff) * 10000 + (v >> 32 & 0xffff);
    return decimal_set_small(out, negative ? -(int64_t)v : (int64_t)v, scale);
}

bool decimal_parse(struct slice number, struct decimal *out) {
    bool negative = *number.p == '-';
    if (number.n - negative <= 8 &&
        parse_short(number.p + negative, number.n - negative, negative, out))
        return true;
    return parse_long(number, out);
}

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && (unsigned)*p - '0' <= 9) p++;
    return p;
}

bool decimal_is_number(struct slice s) {
    const char *p = s.p, *end = s.p + s.n;
    if (p < end && *p == '-') p++;
    const char *q = skip_digits(p, end);
    if (q == p || (*p == '0' && q > p + 1)) return false;
    if (q < end && *q == '.') {
        p = q + 1;
        q = skip_digits(p, end);
        if (q == p) return false;
    }
    if (q < end && (*q == 'e' || *q == 'E')) {
        q++;
        if (q < end && (*q == '-' || *q == '+')) q++;
        p = q;
        q = skip_digits(p, end);
        if (q == p) return false;
    }
    return q == end;
}

/* ---- asking ---- */

bool decimal_is_zero(const struct decimal *a) {
    return a->wide ? limbs_zero(a->w, 4) : a->small == 0;
}

bool decimal_is_negative(const struct decimal *a) { return a->wide ? a->w[3] >> 63 : a->small < 0; }

int decimal_cmp(const struct decimal *a, const struct decimal *b) {
    if (!a->wide && !b->wide) {
        i128 x = a->small, y = b->small;
        if (a->scale < b->scale) x *= (int64_t)pow10_u64[b->scale - a->scale];
        if (b->scale < a->scale) y *= (int64_t)pow10_u64[a->scale - b->scale];
        return (x > y) - (x < y);
    }
    uint64_t x[4], y[4];
    decimal_to_units(a, x);
    decimal_to_units(b, y);
    x[3] ^= UINT64_C(1) << 63; /* two's complement orders as unsigned then */
    y[3] ^= UINT64_C(1) << 63;
    return limbs_cmp(x, y, 4);
}

bool decimal_to_int64(const struct decimal *a, int64_t *out) {
    if (!a->wide) {
        int64_t unit = (int64_t)pow10_u64[a->scale];
        if (a->small % unit) return false;
        *out = a->small / unit;
        return true;
    }
    uint64_t w[4];
    memcpy(w, a->w, sizeof w);
    bool negative = limbs_abs(w, 4);
    if (limbs_div_chunk(w, 4) || limbs_div_chunk(w, 4)) return false;
    uint64_t most = (uint64_t)INT64_MAX + negative;
    if (!limbs_zero(w + 1, 3) || w[0] > most) return false;
    *out = (int64_t)(negative ? -w[0] : w[0]);
    return true;
}

/* ---- writing ---- */

#define EIGHT UINT64_C(100000000)

/* The eight digits of v, zeros in front, all at once: split into fours, pairs, digits. The factors
 * divide by 100 and 10. */
static void put_eight(char *p, uint64_t v) {
    v = v / 10000 | (v % 10000) << 32;
    uint64_t pairs = (v * 10486 >> 20) & 0x0000007f0000007f;
    v = pairs | (v - 100 * pairs) << 16;
    uint64_t tens = (v * 103 >> 10) & 0x000f000f000f000f;
    v = (tens | (v - 10 * tens) << 8) + 0x3030303030303030;
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof v);
}

/* The 19 digits of v, zeros in front. */
static void put_chunk(char *p, uint64_t v) {
    uint64_t high = v / EIGHT, top = high / EIGHT;
    for (int i = 2; i >= 0; i--, top /= 10) p[i] = (char)('0' + top % 10);
    put_eight(p + 3, high % EIGHT);
    put_eight(p + 11, v % EIGHT);
}

/* Digits of an integer and digits of its fraction; the fraction's zeros at the end are left out. */
static void put_number(struct buf *out, bool negative, const char *p, int whole, int fraction) {
    while (whole > 1 && *p == '0') p++, whole--;
    while (fraction >= 8 && memcmp(p + whole + fraction - 8, "00000000", 8) == 0) fraction -= 8;
    while (fraction > 0 && p[whole + fraction - 1] == '0') fraction--;
    char *to = buf_reserve(out, (size_t)(whole + fraction) + 2);
    size_t n = 0;
    if (negative && !(whole == 1 && *p == '0' && fraction == 0)) to[n++] = '-';
    memcpy(to + n, p, (size_t)whole);
    n += (size_t)whole;
    if (fraction) {
        to[n++] = '.';
        memcpy(to + n, p + whole, (size_t)fraction);
        n += (size_t)fraction;
    }
    out->n += n;
}

void scaled_write(struct buf *out, bool negative, struct scaled s) {
    char text[128], *end = text + sizeof text, *p = end; /* 20 digits, up to 60 zeros on one side */
    uint64_t v = s.v;
    if (v == 0) {
        buf_addc(out, '0');
        return;
    }
    for (; s.exponent <= -8 && v % EIGHT == 0; s.exponent += 8) v /= EIGHT;
    for (; s.exponent < 0 && v % 10 == 0; s.exponent++) v /= 10;
    for (; s.exponent > 0; s.exponent--) *--p = '0';
    if (s.exponent < 0) {
        for (; s.exponent <= -8; s.exponent += 8) {
            put_eight(p -= 8, v % EIGHT);
            v /= EIGHT;
        }
        for (; s.exponent < 0; s.exponent++) {
            *--p = (char)('0' + v % 10);
            v /= 10;
        }
        *--p = '.';
    }
    do {
        *--p = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    if (negative) *--p = '-';
    buf_add(out, p, (size_t)(end - p));
}

void limbs_write(struct buf *out, bool negative, uint64_t *a, int n) {
    enum { CHUNKS = 6 };
    uint64_t chunks[CHUNKS] = {0};
    char text[CHUNKS * CHUNK_DIGITS];
    int used = limbs_chunks(a, n, chunks);
    if (used < 3) used = 3; /* two of decimals, one in front of them */
    for (int i = 0; i < used; i++) put_chunk(text + i * CHUNK_DIGITS, chunks[used - 1 - i]);
    put_number(out, negative, text, (used - 2) * CHUNK_DIGITS, 2 * CHUNK_DIGITS);
}

void decimal_write(struct buf *out, const struct decimal *a) {
    if (!a->wide) {
        uint64_t v = a->small < 0 ? -(uint64_t)a->small : (uint64_t)a->small;
        scaled_write(out, a->small < 0, (struct scaled){v, -a->scale});
        return;
    }
    uint64_t w[4];
    memcpy(w, a->w, sizeof w);
    bool negative = limbs_abs(w, 4);
    limbs_write(out, negative, w, 4);
}
