//! Registration against a scripted registrar.
