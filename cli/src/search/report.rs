//! `nosc report`: a page with plots of a search.
