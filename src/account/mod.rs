//! Accounts, password rules, factors, devices.
