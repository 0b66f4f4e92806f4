/* One line of output. */
#include <uio.h>

int main(void)
{
    uio_fd_write(1, "Hello, world!\n", 14);
    return 0;
}
