#include "base/wide.h"

const uint64_t pow10_u64[CHUNK_DIGITS + 1] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    CHUNK,
};

void limbs_mul_pow10(uint64_t *a, int n, int k) {
    for (; k > CHUNK_DIGITS; k -= CHUNK_DIGITS) limbs_mul(a, n, CHUNK);
    limbs_mul(a, n, pow10_u64[k]);
}

int limbs_chunks(uint64_t *a, int n, uint64_t *chunks) {
    int count = 0;
    while (n > 0 && a[n - 1] == 0) n--;
    while (n > 0) {
        chunks[count++] = limbs_div_chunk(a, n);
        while (n > 0 && a[n - 1] == 0) n--;
    }
    return count;
}

int digit_count(uint64_t v) {
    if (v == 0) return 0;
    int bits = 64 - __builtin_clzll(v);
    int n = bits * 1233 >> 12; /* bits * log10(2), rounded down */
    return n + (v >= pow10_u64[n]);
}

struct scaled round17(uint64_t v, int exponent, enum tail tail) {
    int drop = digit_count(v) - 17;
    if (drop < -DECIMAL_MAX_SCALE - exponent) drop = -DECIMAL_MAX_SCALE - exponent;
    if (drop > CHUNK_DIGITS) return (struct scaled){0, 0};
    if (drop > 0) {
        tail = tail_of(v % pow10_u64[drop], pow10_u64[drop], tail);
        v /= pow10_u64[drop];
        exponent += drop;
    }
    return (struct scaled){v + rounds_up(ROUND_HALF_EVEN, false, v & 1, tail), exponent};
}

struct scaled limbs_round17(uint64_t *a, int n, enum tail tail) {
    uint64_t chunks[8];
    int count = limbs_chunks(a, n, chunks);
    if (count < 2) return round17(count ? chunks[0] : 0, -DECIMAL_MAX_SCALE, tail);
    /* The first 19 digits decide but for whether anything lies behind them. */
    int top = digit_count(chunks[count - 1]);
    uint64_t next = chunks[count - 2], unit = pow10_u64[top];
    uint64_t v = chunks[count - 1] * pow10_u64[CHUNK_DIGITS - top] + next / unit;
    if (next % unit || !limbs_zero(chunks, count - 2) || tail != TAIL_ZERO) tail = TAIL_LOW;
    return round17(v, -DECIMAL_MAX_SCALE + (count - 2) * CHUNK_DIGITS + top, tail);
}
