/* What the look-ups of IPv4 and of IPv6 share. */

#include "lookups.h"

const struct input *read_lookups(struct lookups *lookups, const char *file, size_t route,
				 size_t address)
{
	size_t len;
	const struct input *input = read_file(file, &len);

	if (input == NULL)
		return NULL;
	if (len != sizeof(*input) + input->routes * route + input->addresses * address ||
	    input->addresses % BURST != 0) {
		complain("the input is not as long as it says");
		return NULL;
	}
	lookups->addresses = (const uint8_t *)(input + 1) + input->routes * route;
	lookups->count = input->addresses;
	lookups->next = 0;
	return input;
}

int write_hops(FILE *out, struct lookups *lookups, size_t address, look_up look_up,
	       hop_of hop_of)
{
	union answers answers;
	uint32_t done, at;

	lookups->next = 0;
	for (done = 0; done < lookups->count; done += BURST) {
		look_up(next_burst(lookups, address), &answers);
		for (at = 0; at < BURST; at++) {
			const uint16_t hop = (uint16_t)hop_of(&answers, at);

			if (fwrite(&hop, sizeof(hop), 1, out) != 1)
				return complain("the answer cannot be written");
		}
	}
	return 0;
}
