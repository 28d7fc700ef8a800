/* Seeded hashing of keys, so that no one can craft keys that collide. XXH3 of libxxhash. */
#ifndef EV_BASE_HASH_H
#define EV_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
/* May stand for the bytes themselves: of 10^10 keys two have the same with a chance of 10^-19. */
struct hash128 {
    uint64_t high, low;
};
struct hash128 hash_identity(const void *p, size_t n, uint64_t seed);
/* The same, unseeded, of what comes in pieces: XXH3-128, which tells damage and not malice. */
struct hash_stream;
struct hash_stream *hash_stream_new(void);
void hash_stream_add(struct hash_stream *h, const void *p, size_t n);
struct hash128 hash_stream_end(const struct hash_stream *h);
void hash_stream_free(struct hash_stream *h); /* NULL is nothing */

/* A random seed from the system. */
uint64_t hash_seed(void);

#endif
