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

static inline __m256i load(const char *p) { return _mm256_loadu_si256((const __m256i_u *)p); }

/* In memory, and kept from the optimizer, which would build each of them anew for each block. */
struct constants {
    __m256i quote, backslash, space, zero, nine;
};
static const struct constants all_constants = {
    .quote = EACH_BYTE('"'),
    .backslash = EACH_BYTE('\\'),
    .space = EACH_BYTE(' '),
    .zero = EACH_BYTE('0'),
    .nine = EACH_BYTE(9),
};
static inline const struct constants *constants(void) {
    const struct constants *c = &all_constants;
    __asm__("" : "+r"(c));
    return c;
}

/* Control characters and, as they are negative, all bytes over 0x7F are less than a space. */
static inline size_t block_plain(const char *p) {
    const struct constants *c = constants();
    __m256i x = load(p);
    __m256i special = _mm256_or_si256(_mm256_cmpgt_epi8(c->space, x),
        _mm256_or_si256(_mm256_cmpeq_epi8(x, c->quote), _mm256_cmpeq_epi8(x, c->backslash)));
    return _tzcnt_u32((uint32_t)_mm256_movemask_epi8(special));
}

static inline size_t block_digits(const char *p, size_t *next) {
    const struct constants *c = constants();
    __m256i x = _mm256_sub_epi8(load(p), c->zero);
    __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(x, c->nine), x);
    uint32_t others = ~(uint32_t)_mm256_movemask_epi8(digit);
    *next = _tzcnt_u32(_blsr_u32(others));
    return _tzcnt_u32(others);
}

static inline bool literal_equal(const char *p, const struct shape *shape) {
    __m256i same = _mm256_cmpeq_epi8(load(p), load(shape->literal));
    return _bzhi_u32(~(uint32_t)_mm256_movemask_epi8(same), shape->literal_n) == 0;
}

#define ENGINE_BLOCKS
#include "json/core.h"

const struct engine json_engine_avx2 = {"avx2", scan_text, scan_line};
#endif
