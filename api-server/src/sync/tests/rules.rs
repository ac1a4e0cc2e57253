//! Single rules of pull and push, over HTTP.

use super::*;
