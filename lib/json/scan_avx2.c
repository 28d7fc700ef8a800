/* The engine for x86 with AVX2: 32 bytes at once. Compiled with -mavx2 -mbmi -mbmi2; scan.c asks
 * the processor before it uses it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/inner.h"

#ifdef __x86_64__
#include <immintrin.h>

enum { BLOCK = 32 };

#define EACH_LONG(b) (long long)(0x0101010101010101ULL * (b))
#define EACH_BYTE(b)                                                                               \
    { EACH_LONG(b), EACH_LONG(b), EACH_LONG(b), EACH_LONG(b) }
/* Of 16 bytes, twice; the first one lowest. */
#define TABLE(low, high)                                                                           \
    { low, high, low, high }

static inline __m256i load(const char *p) { return _mm256_loadu_si256((const __m256i_u *)p); }

/* A set of bytes: bit i is set where byte i has its top bit. */
static inline uint32_t tops(__m256i x) { return (uint32_t)_mm256_movemask_epi8(x); }

/* In memory, and kept from the optimizer, which would build each of them anew for each block. */
struct constants {
    __m256i quote, quote_to_space, backslash, space, above_space, zero, nine;
    __m256i low_half, upper_bit, upper_halves;
};
static const struct constants all_constants = {
    .quote = EACH_BYTE('"'),
    .quote_to_space = EACH_BYTE('"' ^ ' '),
    .backslash = EACH_BYTE('\\'),
    .space = EACH_BYTE(' '),
    .above_space = EACH_BYTE(' ' + 1),
    .zero = EACH_BYTE('0'),
    .nine = EACH_BYTE(9),
    .low_half = EACH_BYTE(15),
    .upper_bit = TABLE(0x0804020000010000, 0),
    .upper_halves = TABLE(0x00040008000D0000, 0x0104000200000000),
};
static inline const struct constants *constants(void) {
    const struct constants *c = &all_constants;
    __asm__("" : "+r"(c));
    return c;
}

/* Control characters and, as they are negative, all bytes over 0x7F are less than a space, and
 * stay so when 2 is flipped, which makes a quote a space and a space no longer one. */
static inline size_t block_plain(const char *p) {
    const struct constants *c = constants();
    __m256i x = load(p);
    __m256i unquoted = _mm256_xor_si256(x, c->quote_to_space);
    __m256i special = _mm256_or_si256(
        _mm256_cmpgt_epi8(c->above_space, unquoted), _mm256_cmpeq_epi8(x, c->backslash));
    return _tzcnt_u32(tops(special));
}

static inline uint32_t bytes_equal(__m256i x, unsigned byte) {
    return tops(_mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)byte)));
}

/* As unsigned numbers. */
static inline uint32_t bytes_from(__m256i x, unsigned byte) {
    __m256i least = _mm256_set1_epi8((char)byte);
    return tops(_mm256_cmpeq_epi8(_mm256_max_epu8(x, least), x));
}

/* A quote behind a backslash closes nothing. Of two backslashes in a row the second may be no
 * escape: that is for string_end(). */
static inline struct quoted block_string(const char *p) {
    const struct constants *c = constants();
    __m256i x = load(p);
    uint32_t quotes = tops(_mm256_cmpeq_epi8(x, c->quote));
    uint32_t backslashes = tops(_mm256_cmpeq_epi8(x, c->backslash));
    uint32_t n = _tzcnt_u32(quotes & ~(backslashes << 1));
    backslashes = _bzhi_u32(backslashes, n);
    return (struct quoted){
        .n = backslashes & backslashes << 1 ? (uint32_t)BLOCK : n,
        .escaped = backslashes != 0,
        .check = (_bzhi_u32(tops(_mm256_cmpgt_epi8(c->space, x)), n) | backslashes) != 0,
    };
}

/* Unicode's table 3-7. What a byte asks of the next ones is shifted to them. */
static inline uint32_t wrong_utf8(__m256i x, uint32_t within) {
    uint32_t high = tops(x) & within;
    uint32_t bit6 = tops(_mm256_slli_epi16(x, 1)), bit5 = tops(_mm256_slli_epi16(x, 2));
    uint32_t lead = high & bit6, follow = high & ~bit6;
    uint32_t wrong = (bytes_equal(x, 0xC0) | bytes_equal(x, 0xC1)) & within;
    if (!(lead & bit5)) return wrong | (follow ^ lead << 1);
    uint32_t bit4 = tops(_mm256_slli_epi16(x, 3)), bit54 = bit5 | bit4;
    follow ^= lead << 1 | (lead & bit5) << 2 | (lead & bit5 & bit4) << 3;
    return wrong | follow | (bytes_from(x, 0xF5) & within) |
           (high & ((bytes_equal(x, 0xE0) << 1 & ~bit5) | (bytes_equal(x, 0xED) << 1 & bit5) |
                       (bytes_equal(x, 0xF0) << 1 & ~bit54) | (bytes_equal(x, 0xF4) << 1 & bit54)));
}

/* " and \\ and / and b f n r t: a table by the lower half of a byte says which of the upper halves 2, 5,
 * 6 and 7 go with it, as bits. */
static inline uint32_t short_escapes(__m256i x) {
    const struct constants *c = constants();
    __m256i upper = _mm256_and_si256(_mm256_srli_epi16(x, 4), c->low_half);
    __m256i lower = _mm256_and_si256(x, c->low_half);
    __m256i fits = _mm256_and_si256(
        _mm256_shuffle_epi8(c->upper_bit, upper), _mm256_shuffle_epi8(c->upper_halves, lower));
    return ~tops(_mm256_cmpeq_epi8(fits, _mm256_setzero_si256()));
}

static inline bool block_valid(const char *p, size_t n) {
    __m256i x = load(p);
    uint32_t within = _bzhi_u32(~0U, (uint32_t)n);
    uint32_t escapes = (bytes_equal(x, '\\') & within) << 1;
    return ((~bytes_from(x, ' ') & within) | (escapes & ~short_escapes(x)) |
               wrong_utf8(x, within)) == 0;
}

static inline size_t block_digits(const char *p, size_t *next) {
    const struct constants *c = constants();
    __m256i x = _mm256_sub_epi8(load(p), c->zero);
    __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(x, c->nine), x);
    uint32_t others = ~tops(digit);
    *next = _tzcnt_u32(_blsr_u32(others));
    return _tzcnt_u32(others);
}

static inline enum lead literal_lead(const char *p, const struct shape *shape, unsigned skip) {
    __m256i same = _mm256_cmpeq_epi8(load(p), load(shape->literal));
    uint32_t differs = ~tops(same) & ~skip;
    if (_bzhi_u32(differs, shape->literal_n + 1U) == 0) return LEAD_QUOTE;
    return _bzhi_u32(differs, shape->literal_n) == 0 ? LEAD_OTHER : LEAD_DIFFERS;
}

#define ENGINE_BLOCKS
#include "json/core.h"

const struct engine json_engine_avx2 = {"avx2", scan_text, scan_line};
#endif
