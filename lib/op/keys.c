#include "op/keys.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

enum { SMALLEST = 16 };

void keys_init(struct keys *k, uint64_t seed) { *k = (struct keys){.seed = seed}; }

/* ---- the memory of keys ---- */

static size_t units_of(size_t n) {
    size_t inside = n > KEY_BYTES_MAX ? sizeof(char *) : n;
    return (sizeof(struct key) + inside + sizeof(uint32_t) - 1) / sizeof(uint32_t);
}

static void add_page(struct keys *k) {
    if (k->n_pages == k->pages_cap) {
        k->pages_cap = k->pages_cap ? 2 * k->pages_cap : 4;
        k->pages = mem_grow(k->pages, k->pages_cap, sizeof *k->pages);
    }
    if (k->n_pages == UINT32_MAX >> KEYS_PAGE_BITS) mem_exhausted(SIZE_MAX);
    k->pages[k->n_pages++] = mem_alloc(KEYS_PAGE * sizeof(uint32_t));
    k->fill = k->n_pages == 1; /* number 0 is no key */
}

static uint32_t take_units(struct keys *k, size_t units) {
    uint32_t number = k->spare[units];
    if (number) {
        k->spare[units] = keys_at(k, number)->group;
        return number;
    }
    if (!k->n_pages || k->fill + units > KEYS_PAGE) add_page(k);
    number = ((k->n_pages - 1) << KEYS_PAGE_BITS) + k->fill;
    k->fill += (uint32_t)units;
    return number;
}

static uint32_t key_new(struct keys *k, struct slice bytes) {
    uint32_t number = take_units(k, units_of(bytes.n));
    struct key *key = keys_at(k, number);
    *key = (struct key){.n = (uint32_t)bytes.n};
    if (bytes.n > KEY_BYTES_MAX) {
        char *copy = mem_str(bytes);
        memcpy(key->bytes, &copy, sizeof copy);
        k->long_bytes += bytes.n;
    } else if (bytes.n) {
        memcpy(key->bytes, bytes.p, bytes.n);
    }
    return number;
}

static void key_free(struct keys *k, uint32_t number) {
    struct key *key = keys_at(k, number);
    size_t units = units_of(key->n);
    if (key->n > KEY_BYTES_MAX) {
        free((char *)keys_bytes(key).p);
        k->long_bytes -= key->n;
    }
    key->group = k->spare[units];
    k->spare[units] = number;
}

void keys_free(struct keys *k) {
    for (uint32_t i = 0; i < k->n; i++) {
        const struct key *key = keys_at(k, k->order[i]);
        if (key->n > KEY_BYTES_MAX) free((char *)keys_bytes(key).p);
    }
    for (uint32_t i = 0; i < k->n_pages; i++) free(k->pages[i]);
    free(k->pages);
    free(k->slots);
    free(k->order);
    *k = (struct keys){0};
}

size_t keys_memory(const struct keys *k) {
    return k->n_pages * KEYS_PAGE * sizeof(uint32_t) + k->pages_cap * sizeof *k->pages +
           k->capacity * sizeof *k->slots + k->order_cap * sizeof *k->order + k->long_bytes;
}

/* ---- the index ---- */

/* The upper half of the hash says where to look first, so a larger index is filled from front to
 * back. */
static size_t home_of(const struct keys *k, uint64_t hash) {
    return (size_t)((hash >> 32) * k->capacity >> 32);
}

static size_t after(const struct keys *k, size_t slot) {
    return slot + 1 == k->capacity ? 0 : slot + 1;
}

static void insert(struct keys *k, uint64_t slot_value) {
    size_t slot = home_of(k, slot_value);
    while (k->slots[slot]) slot = after(k, slot);
    k->slots[slot] = slot_value;
}

static bool many_idle(const struct keys *k) { return k->idle > KEYS_IDLE && k->idle > k->n / 2; }

static void drop_from_order(struct keys *k) {
    uint32_t kept = 0, ordered = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (keys_at(k, k->order[i])->holders == 0) continue;
        ordered += i < k->ordered;
        k->order[kept++] = k->order[i];
    }
    k->n = kept;
    k->ordered = ordered;
}

/* The index anew, without the idle keys where they are many; at most 3/4 full. */
static void rebuild(struct keys *k) {
    bool drop = many_idle(k);
    uint64_t *old = k->slots;
    size_t old_capacity = k->capacity;
    if (drop) drop_from_order(k);
    k->capacity = k->n < SMALLEST ? 2 * SMALLEST : (size_t)k->n * 2;
    k->slots = mem_zero(k->capacity, sizeof *k->slots);
    for (size_t i = 0; i < old_capacity; i++) {
        uint32_t number = (uint32_t)old[i];
        if (!number) continue;
        if (drop && keys_at(k, number)->holders == 0) key_free(k, number);
        else insert(k, old[i]);
    }
    if (drop) k->idle = 0;
    free(old);
}

void keys_forget_idle(struct keys *k) {
    if (many_idle(k)) rebuild(k);
}

/* memcmp() of a few bytes costs more than all else in a probe. */
static inline bool same_bytes(const char *a, const char *b, size_t n) {
    uint64_t x[2], y[2];
    if (n < sizeof *x || n > sizeof x) return !n || memcmp(a, b, n) == 0;
    memcpy(&x[0], a, sizeof *x), memcpy(&x[1], a + n - sizeof *x, sizeof *x);
    memcpy(&y[0], b, sizeof *y), memcpy(&y[1], b + n - sizeof *y, sizeof *y);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline uint32_t find(const struct keys *k, struct slice bytes, uint64_t hash) {
    if (!k->capacity) return 0;
    for (size_t slot = home_of(k, hash); k->slots[slot]; slot = after(k, slot)) {
        uint64_t v = k->slots[slot];
        if (v >> 32 != hash >> 32) continue;
        const struct key *key = keys_at(k, (uint32_t)v);
        if (key->n == bytes.n && same_bytes(keys_bytes(key).p, bytes.p, bytes.n))
            return (uint32_t)v;
    }
    return 0;
}

uint64_t keys_hash(const struct keys *k, struct slice bytes) {
    return hash_bytes(bytes.p, bytes.n, k->seed);
}

void keys_expect(const struct keys *k, uint64_t hash) {
    if (k->capacity) __builtin_prefetch(&k->slots[home_of(k, hash)]);
}

void keys_expect_soon(const struct keys *k, uint64_t hash) {
    uint32_t number = k->capacity ? (uint32_t)k->slots[home_of(k, hash)] : 0;
    if (number) __builtin_prefetch(keys_at(k, number));
}

uint32_t keys_find(const struct keys *k, struct slice bytes) {
    return find(k, bytes, keys_hash(k, bytes));
}

static void append_to_order(struct keys *k, uint32_t number) {
    if (k->n == k->order_cap) {
        k->order_cap = k->order_cap ? k->order_cap + k->order_cap / 2 : SMALLEST;
        k->order = mem_grow(k->order, k->order_cap, sizeof *k->order);
    }
    k->order[k->n++] = number;
}

uint32_t keys_put(struct keys *k, struct slice bytes, uint64_t hash) {
    uint32_t number = find(k, bytes, hash);
    if (number) return number;
    if (k->n >= k->capacity / 4 * 3) rebuild(k);
    number = key_new(k, bytes);
    insert(k, hash >> 32 << 32 | number);
    append_to_order(k, number);
    k->idle++;
    return number;
}

/* ---- the order ---- */

static uint64_t word_at(struct slice s, size_t at) {
    uint64_t word = 0;
    if (at < s.n) memcpy(&word, s.p + at, s.n - at < sizeof word ? s.n - at : sizeof word);
    return __builtin_bswap64(word);
}

static void load_words(const struct keys *k, struct key_item *items, size_t n, size_t at) {
    for (size_t i = 0; i < n; i++)
        items[i].word = word_at(keys_bytes(keys_at(k, items[i].key)), at);
}

static void swap(struct key_item *a, struct key_item *b) {
    struct key_item t = *a;
    *a = *b;
    *b = t;
}

static int compare_from(const struct keys *k, const struct key_item *a, const struct key_item *b) {
    if (a->word != b->word) return a->word < b->word ? -1 : 1;
    return slice_cmp(keys_bytes(keys_at(k, a->key)), keys_bytes(keys_at(k, b->key)));
}

static void sort_few(const struct keys *k, struct key_item *items, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct key_item item = items[i];
        size_t at = i;
        for (; at > 0 && compare_from(k, &item, &items[at - 1]) < 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Quicksort by eight bytes at a time: those equal to the pivot go on with the next eight. The pivot
 * is drawn at random (xorshift), so that nobody can craft keys that take quadratic time. */
static void sort_from(
    const struct keys *k, struct key_item *items, size_t n, size_t at, uint64_t *random) {
    while (n > 12) {
        *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
        uint64_t pivot = items[*random % n].word;
        size_t less = 0, i = 0, more = n;
        while (i < more) {
            if (items[i].word < pivot) swap(&items[i++], &items[less++]);
            else if (items[i].word > pivot) swap(&items[i], &items[--more]);
            else i++;
        }
        sort_from(k, items, less, at, random);
        sort_from(k, items + more, n - more, at, random);
        items += less;
        n = more - less;
        at += sizeof pivot;
        load_words(k, items, n, at);
    }
    sort_few(k, items, n);
}

void keys_sort(const struct keys *k, struct key_item *items, size_t n) {
    uint64_t random = k->seed | 1;
    load_words(k, items, n, 0);
    sort_from(k, items, n, 0, &random);
}

/* How many of the first n of the order stand before the key: looked for from the end, in steps that
 * double. */
static uint32_t place_of(const struct keys *k, uint32_t n, uint32_t number) {
    struct slice bytes = keys_bytes(keys_at(k, number));
    uint32_t high = n, low = n;
    for (uint32_t step = 1; low > 0; step *= 2) {
        low = step < high ? high - step : 0;
        if (slice_cmp(keys_bytes(keys_at(k, k->order[low])), bytes) < 0) break;
        high = low;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice_cmp(keys_bytes(keys_at(k, k->order[middle])), bytes) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

void keys_order(struct keys *k) {
    uint32_t fresh = k->n - k->ordered, end = k->ordered;
    if (!fresh) return;
    struct key_item *items = mem_grow(NULL, fresh, sizeof *items);
    for (uint32_t i = 0; i < fresh; i++) items[i].key = k->order[end + i];
    keys_sort(k, items, fresh);
    for (; fresh; fresh--) {
        uint32_t key = items[fresh - 1].key, place = place_of(k, end, key);
        memmove(&k->order[place + fresh], &k->order[place], (end - place) * sizeof *k->order);
        k->order[place + fresh - 1] = key;
        end = place;
    }
    k->ordered = k->n;
    free(items);
}
