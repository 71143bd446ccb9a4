//! Addresses and networks as text (RFC 4632 section 3.1, RFC 4291 section 2.3), and as the beginnings of a string of bits.

use crate::error::Flaw;
use crate::hash;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address or a network: the bits of its address, the first one highest, and how many of them count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) is_v6: bool,
    /// How many bits count: up to 32 or 128.
    pub(crate) length: u8,
    /// The bits, those that do not count being 0.
    pub(crate) bits: u128,
}

/// Where the lengths of IPv6 networks begin, in the byte that tells a network's family and length.
const V6: u8 = 33;

impl Network {
    /// The network of one address. An IPv4-mapped address (RFC 4291 section 2.5.5.2) is the IPv4 address that it maps.
    #[inline]
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Network::v4(address, 32),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => Network::v4(address, 32),
                None => Network {
                    is_v6: true,
                    length: 128,
                    bits: address.to_bits(),
                },
            },
        }
    }

    fn v4(address: Ipv4Addr, length: u8) -> Self {
        Network {
            is_v6: false,
            length,
            bits: u128::from(address.to_bits()) << 96,
        }
    }

    /// Reads an address as attributes have it.
    #[inline]
    pub(crate) fn parse_address(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        text.parse().ok().map(Network::of)
    }

    /// Reads a network as tables have it: `10.0.0.0/8`, `2001:db8::/32`, or one address.
    pub(crate) fn parse(text: &str) -> Result<Self, Flaw> {
        let wrong = |why| Flaw::Network {
            text: text.to_owned(),
            why,
        };
        let Some((address, length)) = text.split_once('/') else {
            let address = text.parse().map_err(|_| wrong("it is not an address"))?;
            return Ok(Network::of(address));
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| wrong("there is no address in front of the `/`"))?;
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits);
        let length: u8 = length.ok_or_else(|| wrong("there is no number of bits behind the `/`"))?;
        Network::with_length(address, length).map_err(|flaw| match flaw {
            Some(meant) => Flaw::HostBits {
                text: text.to_owned(),
                meant: meant.to_string(),
            },
            None => wrong("an address has no more than 32 bits, or 128 with colons"),
        })
    }

    /// The network of the first `length` bits of `address`; with bits set behind them it is an error that says which network may be
    /// meant, and with too many of them an error that says nothing.
    pub(crate) fn with_length(address: IpAddr, length: u8) -> Result<Self, Option<Self>> {
        let all = match address {
            IpAddr::V4(address) => Network::v4(address, 32),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) if (96..=128).contains(&length) => {
                    return Network::with_length(IpAddr::V4(mapped), length - 96);
                }
                _ => Network {
                    is_v6: true,
                    length: 128,
                    bits: address.to_bits(),
                },
            },
        };
        if length > all.length {
            return Err(None);
        }
        let network = all.first(length);
        if network.bits == all.bits {
            Ok(network)
        } else {
            Err(Some(network))
        }
    }

    /// The network of its first `length` bits.
    #[inline]
    pub(crate) fn first(self, length: u8) -> Self {
        let behind = u32::from(128 - length.min(128));
        let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
        Network {
            is_v6: self.is_v6,
            length,
            bits: self.bits & mask,
        }
    }

    /// The byte that tells its family and length from those of others.
    #[inline]
    fn head(self) -> u8 {
        if self.is_v6 { V6 + self.length } else { self.length }
    }

    /// The bytes that its bits take.
    #[inline]
    fn width(self) -> usize {
        usize::from(self.length.div_ceil(8))
    }

    #[inline]
    pub(crate) fn hash(self, seed: u64) -> u64 {
        let state = hash::absorb(seed, (self.bits >> 64) as u64);
        hash::close(state, self.bits as u64, usize::from(self.head()))
    }

    /// Appends it: its head, and as many bytes as have bits that count.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.push(self.head());
        out.extend(self.bits.to_be_bytes().iter().take(self.width()));
    }

    /// The network at the beginning of `bytes`, which are left behind it.
    pub(crate) fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first()?;
        let mut network = Network {
            is_v6: *head >= V6,
            length: if *head >= V6 { head - V6 } else { *head },
            bits: 0,
        };
        let (own, rest) = rest.split_at_checked(network.width())?;
        let all = own.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        network.bits = all.checked_shl(8 * (16 - own.len() as u32)).unwrap_or(0);
        *bytes = rest;
        Some(network)
    }

    /// What is left of `bytes` behind this network, if they begin with it.
    #[inline]
    pub(crate) fn strip_from(self, bytes: &[u8]) -> Option<&[u8]> {
        let rest = bytes.strip_prefix(&[self.head()])?;
        rest.strip_prefix(self.bits.to_be_bytes().get(..self.width())?)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_v6 {
            write!(f, "{}/{}", Ipv6Addr::from_bits(self.bits), self.length)
        } else {
            let address = Ipv4Addr::from_bits((self.bits >> 96) as u32);
            write!(f, "{address}/{}", self.length)
        }
    }
}

#[cfg(test)]
mod tests;
