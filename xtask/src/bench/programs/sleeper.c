/* Sleeps until it is ended. */
#include <uio.h>

int main(void)
{
    while (uio_sleep_ms(1000) == 0) {
    }
    return 0;
}
