/* The engine for x86 with AVX2: 32 bytes at once. Compiled with -mavx2 -mbmi -mbmi2; scan.c asks the
 * processor before it uses it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/inner.h"

#ifdef __x86_64__
#include <immintrin.h>

enum { BLOCK = 32 };

static inline __m256i load(const char *p) { return _mm256_loadu_si256((const __m256i_u *)p); }

/* Control characters and, as they are negative, all bytes over 0x7F are less than a space. */
static inline size_t block_plain(const char *p) {
    __m256i x = load(p);
    __m256i special = _mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), x),
        _mm256_or_si256(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('"')),
            _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\\'))));
    return _tzcnt_u32((uint32_t)_mm256_movemask_epi8(special));
}

static inline size_t block_digits(const char *p) {
    __m256i x = _mm256_sub_epi8(load(p), _mm256_set1_epi8('0'));
    __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(9)), x);
    return _tzcnt_u32(~(uint32_t)_mm256_movemask_epi8(digit));
}

static inline bool block_equal(const char *p, const char *literal, size_t n) {
    for (; n > BLOCK; n -= BLOCK, p += BLOCK, literal += BLOCK)
        if ((uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load(p), load(literal))) != UINT32_MAX)
            return false;
    uint32_t same = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load(p), load(literal)));
    return _bzhi_u32(~same, (uint32_t)n) == 0;
}

#include "json/core.h"

const struct engine json_engine_avx2 = {"avx2", scan_text, scan_line};
#endif
