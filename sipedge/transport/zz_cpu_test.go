package transport

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"runtime"
	"unsafe"
	"golang.org/x/sys/unix"
	"github.com/speakops/sipedge/sipedge/message"
)

type plainNet struct{ kernel }
type wrapped struct{ *net.UDPConn }

func (plainNet) ListenPacket(ctx context.Context, n string, at netip.AddrPort) (net.PacketConn, error) {
	c, err := kernel{}.ListenPacket(ctx, n, at)
	return wrapped{c.(*net.UDPConn)}, err
}

func cpuNow() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func TestZChild(t *testing.T) {
	mode := os.Getenv("ZMODE")
	if mode == "" {
		t.Skip()
	}
	var at netip.AddrPort
	switch mode {
	case "bare":
		c, _ := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		go func() {
			buf := make([]byte, maxUDP)
			for {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				c.WriteToUDPAddrPort(buf[:n], from)
			}
		}()
		at = c.LocalAddr().(*net.UDPAddr).AddrPort()
	case "bareparse":
		c, _ := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		go func() {
			buf := make([]byte, maxUDP)
			var m message.Message
			for {
				n, from, err := c.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				m.Parse(buf[:n])
				c.WriteToUDPAddrPort(buf[:n], from)
			}
		}()
		at = c.LocalAddr().(*net.UDPAddr).AddrPort()
	case "raw", "block":
		fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		sa, _ := unix.Getsockname(fd)
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(sa.(*unix.SockaddrInet4).Port))
		go func() {
			runtime.LockOSThread()
			bt := &batch{bufs: make([]byte, batchSize*maxUDP)}
			for i := range bt.msgs {
				bt.iovs[i].Base = &bt.bufs[i*maxUDP]
				bt.iovs[i].SetLen(maxUDP)
				h := &bt.msgs[i].hdr
				h.Iov = &bt.iovs[i]
				h.SetIovlen(1)
				h.Name = (*byte)(unsafe.Pointer(&bt.names[i]))
			}
			for {
				for i := range bt.msgs {
					bt.msgs[i].hdr.Namelen = unix.SizeofSockaddrInet6
				}
				flags := uintptr(unix.MSG_WAITFORONE)
				n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&bt.msgs[0])), batchSize, flags, 0, 0)
				if errno != 0 {
					continue
				}
				for i := range int(n) {
					b := bt.bufs[i*maxUDP:][:bt.msgs[i].len]
					if mode == "block" {
						unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&bt.names[i])), 16)
					} else {
						unix.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&bt.names[i])), 16)
					}
				}
			}
		}()
	default:
		e := &echo{}
		o := Options{Listeners: listeners("udp 127.0.0.1:0")}
		if mode == "single" {
			o.Net = plainNet{}
		}
		l, err := Open(context.Background(), o, e)
		if err != nil {
			t.Fatal(err)
		}
		e.l = l
		go l.Serve(context.Background())
		at = l.Addr(0)
	}
	fmt.Println("AT", at)
	in := bufio.NewReader(os.Stdin)
	for {
		if _, err := in.ReadString('\n'); err != nil {
			os.Exit(0)
		}
		fmt.Println("CPU", cpuNow().Nanoseconds())
	}
}

func TestZLoad(t *testing.T) {
	if os.Getenv("ZLOAD") == "" {
		t.Skip()
	}
	type child struct {
		mode string
		in   interface{ Write([]byte) (int, error) }
		out  *bufio.Reader
		conn *net.UDPConn
		cpu  time.Duration
		n    int
	}
	var cs []*child
	for _, m := range []string{"bare", "raw", "block", "bareparse", "single", "batch"} {
		cmd := exec.Command(os.Args[0], "-test.run", "TestZChild$")
		cmd.Env = append(os.Environ(), "ZMODE="+m, "ZLOAD=")
		in, _ := cmd.StdinPipe()
		o, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait()
		defer in.Close()
		c := &child{mode: m, in: in, out: bufio.NewReader(o)}
		var at string
		for at == "" {
			line, err := c.out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			fmt.Sscanf(line, "AT %s", &at)
		}
		c.conn, _ = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		cs = append(cs, c)
	}
	ask := func(c *child) time.Duration {
		c.in.Write([]byte("x\n"))
		for {
			line, err := c.out.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			var n int64
			if _, err := fmt.Sscanf(line, "CPU %d", &n); err == nil {
				return time.Duration(n)
			}
		}
	}
	msg, buf := invite(), make([]byte, 2000)
	for _, rate := range []int{4000, 18000, 40000} {
		for _, c := range cs {
			c.cpu, c.n = 0, 0
		}
		for range 6 {
			for _, c := range cs {
				before := ask(c)
				go func() {
					c.conn.SetReadDeadline(time.Now().Add(600 * time.Millisecond))
					for {
						if _, err := c.conn.Read(buf); err != nil {
							return
						}
					}
				}()
				start := time.Now()
				sent := 0
				for time.Since(start) < 500*time.Millisecond {
					for due := int(time.Since(start).Seconds() * float64(rate)); sent < due; sent++ {
						c.conn.Write(msg)
					}
					time.Sleep(50 * time.Microsecond)
				}
				time.Sleep(150 * time.Millisecond)
				c.cpu += ask(c) - before
				c.n += sent
			}
		}
		for _, c := range cs {
			fmt.Printf("rate %6d %-10s %6.2f us/datagram\n", rate, c.mode, float64(c.cpu.Nanoseconds())/float64(c.n)/1000)
		}
	}
}
