/* Which folder an event belongs to: 'city={city_id}/dt=%Y-%m-%d'.
 *
 * {path} is a field's value: text as it is, numbers in canonical form, true and false; null, missing and
 * "" are __HIVE_DEFAULT_PARTITION__, as in Hive and Spark (escaped as below where it would begin a name);
 * an object or array is bad data.
 * %Y %m %d %H %M %S %j %G %V %u %y are of the partition time in its zone, %% is %.
 *
 * Of a value, bytes other than A-Z a-z 0-9 _ . - are percent-escaped, and so are '.' and '_' where they
 * would begin a name: no value leaves the folder or hides what is in it. A name of the template may not
 * begin so either, or be empty. One over 255 bytes is bad data. */
#ifndef EV_SINK_PARTITION_H
#define EV_SINK_PARTITION_H

#include "base/buf.h"
#include "base/timestamp.h"
#include "sink/sink.h"
#include "wire/event.h"

enum { NAME_MAX_BYTES = 255, PARTITION_MAX_BYTES = 3000 };

struct partition;
/* Of o->partition, which is not NULL; wants its fields from o->scanner. EXIT_USAGE naming the option. */
struct partition *partition_new(const struct sink_options *o, struct err *e);
void partition_free(struct partition *p);
/* Appends the event's folder, without a slash at either end. EXIT_BAD_DATA naming the field. */
bool partition_of(struct partition *p, const struct event *ev, struct buf *out, struct err *e);

/* Appends s escaped as above. `also` names bytes to be escaped too. */
void name_escape(struct buf *out, struct slice s, const char *also);

#endif
