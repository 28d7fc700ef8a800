/* Cells: the accumulators of 8 bytes that a group consists of, and what they keep aside. A cell
 * that is 0 is empty. No result depends on the order in which values are added or cells merged.
 *
 * *_cell_save() appends a cell with what it has aside, *_cell_load() takes one from the front of what was saved, into
 * a cell that is empty; false where that is no such cell. */
#ifndef EV_OP_CELL_H
#define EV_OP_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/decimal.h"
#include "base/slice.h"
#include "expr/value.h"
#include "op/bytes.h"
#include "op/pool.h"

/* ---- sum and avg: an exact sum and how many values it has ----
 *
 *   bit 63   62 .. 43   42 .. 40   39 .. 0
 *   0        count      scale      the sum times 10^scale, two's complement
 *   1        number of a struct wide_sum in the pool
 */
struct pool sums_pool(void);
void sum_cell_add(struct pool *wide, uint64_t *cell, const struct decimal *d);
/* from joins (sign 1), or what had joined is taken out again (sign -1). */
void sum_cell_merge(struct pool *wide, uint64_t *cell, uint64_t from, int sign);
void sum_cell_clear(struct pool *wide, uint64_t *cell);
/* Fills *sum and returns the count. */
void sum_cell_save(const struct pool *wide, uint64_t cell, struct buf *out);
bool sum_cell_load(struct pool *wide, uint64_t *cell, struct slice *in);
uint64_t sum_cell_read(const struct pool *wide, uint64_t cell, struct sum *sum);

/* ---- min and max by value_cmp() ----
 *
 *   bit 63 .. 1                                       0
 *   a number in millionths                            1
 *   number of a struct extreme in the pool            0
 *
 * sign is -1 for min, 1 for max. Values are numbers, strings and booleans. */
struct texts {
    struct pool pool;
    size_t bytes; /* of the texts that the records own */
};
struct texts extremes_new(void);
void extremes_free(struct texts *aside);
void extreme_cell_add(struct texts *aside, uint64_t *cell, const struct value *v, int sign);
void extreme_cell_merge(struct texts *aside, uint64_t *cell, uint64_t from, int sign);
/* Would the cell be the same without `from`, which had joined it? */
bool extreme_cell_stands(const struct texts *aside, uint64_t cell, uint64_t from);
void extreme_cell_clear(struct texts *aside, uint64_t *cell);
void extreme_cell_save(const struct texts *aside, uint64_t cell, struct buf *out);
bool extreme_cell_load(struct texts *aside, uint64_t *cell, struct slice *in);
void extreme_cell_write(const struct texts *aside, uint64_t cell, struct buf *out);

/* ---- first and last by event time, then the event's bytes ----
 *
 * A cell is the number of a struct pick in the pool. sign is -1 for first, 1 for last; json is the
 * value. */
struct texts picks_new(void);
void picks_free(struct texts *aside);
bool pick_cell_wants(
    const struct texts *aside, uint64_t cell, int64_t time, struct slice text, int sign);
void pick_cell_set(
    struct texts *aside, uint64_t *cell, int64_t time, struct slice text, struct slice json);
void pick_cell_merge(struct texts *aside, uint64_t *cell, uint64_t from, int sign);
bool pick_cell_stands(const struct texts *aside, uint64_t cell, uint64_t from);
void pick_cell_clear(struct texts *aside, uint64_t *cell);
void pick_cell_save(const struct texts *aside, uint64_t cell, struct buf *out);
bool pick_cell_load(struct texts *aside, uint64_t *cell, struct slice *in);
void pick_cell_write(const struct texts *aside, uint64_t cell, struct buf *out);

#endif
