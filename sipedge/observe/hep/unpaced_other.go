//go:build !linux

package hep

import "syscall"

func unpaced(syscall.RawConn) {}
