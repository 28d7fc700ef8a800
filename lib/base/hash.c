#include "base/hash.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed) {
    return XXH3_64bits_withSeed(p, n, seed);
}

struct hash128 hash_identity(const void *p, size_t n, uint64_t seed) {
    XXH128_hash_t h = XXH3_128bits_withSeed(p, n, seed);
    return (struct hash128){h.high64, h.low64};
}

uint64_t hash_seed(void) {
    uint64_t seed;
    if (getentropy(&seed, sizeof seed) == 0) return seed;
    /* A kernel without getrandom(2): hard to guess from afar, which is what is asked. */
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t parts[] = {
        (uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, (uint64_t)getpid(), (uint64_t)(uintptr_t)&now};
    return XXH3_64bits(parts, sizeof parts);
}
