package token

import "encoding/base64"

// Text is how everything we seal or hash is written into a message: base64url
// with '.' in the place of 'q'. All 64 signs may stand in the user part of a URI
// and in a token (RFC 3261 section 25.1). Without a 'q' no text of ours can
// hold "CSeq" by chance, which peers that look for it in the whole head would
// take for the header of that name: SIPp does, and met it in one of some fifty
// thousand calls.
var Text = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop.rstuvwxyz0123456789-_").WithPadding(base64.NoPadding).Strict()
