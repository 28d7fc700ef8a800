#include "base/hash.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed) {
    return XXH3_64bits_withSeed(p, n, seed);
}

struct hash128 hash_identity(const void *p, size_t n, uint64_t seed) {
    XXH128_hash_t h = XXH3_128bits_withSeed(p, n, seed);
    /* Else the compiler swaps the halves in a vector, by way of memory, where the second half is not there yet: 10 ns. */
    __asm__("" : "+r"(h.high64), "+r"(h.low64));
    return (struct hash128){h.high64, h.low64};
}

struct hash_stream {
    XXH3_state_t *state; /* apart, for it wants an alignment that malloc does not promise */
};

struct hash_stream *hash_stream_new(void) {
    struct hash_stream *h = mem_alloc(sizeof *h);
    h->state = XXH3_createState();
    if (!h->state) mem_exhausted(sizeof *h->state);
    XXH3_128bits_reset(h->state);
    return h;
}

void hash_stream_add(struct hash_stream *h, const void *p, size_t n) {
    XXH3_128bits_update(h->state, p, n);
}

struct hash128 hash_stream_end(const struct hash_stream *h) {
    XXH128_hash_t sum = XXH3_128bits_digest(h->state);
    return (struct hash128){sum.high64, sum.low64};
}

void hash_stream_free(struct hash_stream *h) {
    if (h) XXH3_freeState(h->state);
    free(h);
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
