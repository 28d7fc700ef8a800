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

bool units_fit(const uint64_t w[4]) {
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

/* Anything beyond what fits a small at first sight. */
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

bool decimal_parse(struct slice number, struct decimal *out) {
    const char *p = number.p, *end = p + number.n;
    if (number.n > 18) return parse_any(number, out); /* else no digits can overflow */
    bool negative = *p == '-';
    p += negative;
    uint64_t v = 0;
    unsigned digit = 0;
    for (; p < end && (digit = (unsigned)*p - '0') <= 9; p++) v = v * 10 + digit;
    int scale = 0;
    if (p < end) {
        if (*p != '.') return parse_any(number, out);
        scale = (int)(end - ++p);
        for (; p < end; p++) {
            if ((digit = (unsigned)*p - '0') > 9) return parse_any(number, out);
            v = v * 10 + digit;
        }
    }
    return decimal_set_small(out, negative ? -(int64_t)v : (int64_t)v, scale);
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
    if (limbs_div(w, 4, CHUNK) || limbs_div(w, 4, CHUNK)) return false;
    uint64_t most = (uint64_t)INT64_MAX + negative;
    if (!limbs_zero(w + 1, 3) || w[0] > most) return false;
    *out = (int64_t)(negative ? -w[0] : w[0]);
    return true;
}

/* ---- writing ---- */

/* The 19 digits of v, zeros in front. */
static void put_chunk(char *p, uint64_t v) {
    for (int i = CHUNK_DIGITS - 1; i > 0; i -= 2) {
        unsigned two = (unsigned)(v % 100);
        v /= 100;
        p[i] = (char)('0' + two % 10);
        p[i - 1] = (char)('0' + two / 10);
    }
    p[0] = (char)('0' + v);
}

/* Digits of an integer and digits of its fraction; the fraction's zeros at the end are left out. */
static void put_number(struct buf *out, bool negative, const char *p, int whole, int fraction) {
    while (whole > 1 && *p == '0') p++, whole--;
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
    /* Zeros on both sides: 38 decimals before 20 digits, 10^59 behind them. */
    enum { BEFORE = 40, DIGITS = 20, BEHIND = 80 };
    char text[BEFORE + DIGITS + BEHIND];
    memset(text, '0', BEFORE);
    uint64_t top = s.v / CHUNK;
    text[BEFORE] = (char)('0' + top);
    put_chunk(text + BEFORE + 1, s.v - top * CHUNK);
    int point = BEFORE + DIGITS + s.exponent;
    if (s.exponent > 0) memset(text + BEFORE + DIGITS, '0', (size_t)s.exponent);
    int from = point - 1 < BEFORE ? point - 1 : BEFORE;
    put_number(out, negative, text + from, point - from, s.exponent < 0 ? -s.exponent : 0);
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
